// Looks at every frame that any <video> of the page presents, from the first one on, for the marker's stripes.
(() => {
  const {box, deviation, norm, width, height} = __MARKER__;
  const canvas = new OffscreenCanvas(box[2], box[3]);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const watched = new WeakMap();
  window.watch = {frames: 0, worst: 0, tiles: {}};

  function contrast(video) {
    const [scaleX, scaleY] = [video.videoWidth / width, video.videoHeight / height];
    context.drawImage(video, box[0] * scaleX, box[1] * scaleY, box[2] * scaleX, box[3] * scaleY, 0, 0, box[2], box[3]);
    const {data} = context.getImageData(0, 0, box[2], box[3]);
    let sum = 0;
    for (let row = 0; row < box[3]; row++) {
      const mean = [0, 0, 0];
      const start = row * box[2];
      for (let x = 0; x < box[2]; x++) for (let c = 0; c < 3; c++) mean[c] += data[4 * (start + x) + c] / box[2];
      for (let x = 0; x < box[2]; x++) {
        for (let c = 0; c < 3; c++) sum += (data[4 * (start + x) + c] - mean[c]) * deviation[3 * (start + x) + c];
      }
    }
    return Math.abs(sum / norm);
  }

  function follow(video) {
    if (watched.has(video)) return;
    watched.set(video, true);
    const look = () => {
      const found = contrast(video);
      const tile = video.closest("[data-participant]");
      const id = tile ? tile.dataset.participant : "";
      window.watch.frames += 1;
      window.watch.worst = Math.max(window.watch.worst, found);
      window.watch.tiles[id] ??= {frames: 0, worst: 0, first: performance.now(), self: tile?.hasAttribute("data-self")};
      window.watch.tiles[id].frames += 1;
      window.watch.tiles[id].worst = Math.max(window.watch.tiles[id].worst, found);
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  }

  const scan = () => document.querySelectorAll("video").forEach(follow);
  new MutationObserver(scan).observe(document, {childList: true, subtree: true});
})();
