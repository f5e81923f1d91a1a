// Notes when a participant's picture gets bright and the sound gets loud; beside tests/support/peer.js.
// The sound twice: as Web Audio hears it, which adds a buffer of its own that grows on a busy machine, and by the
// audio level (RFC 6464) of the packet that the jitter buffer hands to the loudspeaker.
(() => {
  const METER = `registerProcessor("meter", class extends AudioWorkletProcessor {
    process([[samples]]) {
      if (samples) {
        let peak = 0;
        for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
        this.port.postMessage([currentTime, peak]);
      }
      return true;
    }
  });`;
  const sync = {video: [], audio: [], packets: []};
  window.sync = sync;

  function look(element) {
    const canvas = new OffscreenCanvas(32, 18);
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const note = (now, {presentationTime}) => {
      context.drawImage(element, 0, 0, 32, 18);
      const {data} = context.getImageData(0, 0, 32, 18);
      let sum = 0;
      for (let i = 1; i < data.length; i += 4) sum += data[i];
      sync.video.push([presentationTime / 1000, sum / (data.length / 4)]);
      element.requestVideoFrameCallback(note);
    };
    element.requestVideoFrameCallback(note);
  }

  async function listen(element) {
    const context = new AudioContext({latencyHint: "interactive"});
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([METER], {type: "text/javascript"})));
    const meter = new AudioWorkletNode(context, "meter");
    meter.port.onmessage = ({data: [time, peak]}) => {
      const {contextTime, performanceTime} = context.getOutputTimestamp();
      if (performanceTime > 0) sync.audio.push([performanceTime / 1000 + time - contextTime, peak]);
    };
    context.createMediaStreamSource(element.srcObject).connect(meter).connect(context.destination);
    await context.resume();
  }

  function follow(receiver) {
    let last = 0;
    setInterval(() => {
      for (const {timestamp, audioLevel = 0} of receiver.getSynchronizationSources()) {
        const at = timestamp > performance.timeOrigin / 2 ? timestamp - performance.timeOrigin : timestamp;
        if (at > last) sync.packets.push([at / 1000, audioLevel]);
        last = Math.max(last, at);
      }
    }, 4);
  }

  // Both of one participant; kinds are those of the protocol. Read the series of `sync` later.
  sync.start = async (owner, video, audio) => {
    look(peer.streams[`${owner} ${video}`].element);
    await listen(peer.streams[`${owner} ${audio}`].element);
    follow(peer.streams[`${owner} ${audio}`].receiver);
  };
})();
