// A participant in any browser without the product's page: joins, sends the camera, receives and counts everything.
// Defines window.peer; every function returns plain data.
(() => {
  const peer = {streams: {}, errors: []};
  window.peer = peer;
  let socket, publishing, subscribing, queue = Promise.resolve(), capture;
  const waiting = [];

  const send = (message) => socket.send(JSON.stringify(message));
  const next = (type) => new Promise((resolve) => waiting.push({type, resolve}));

  function receive(message) {
    const index = waiting.findIndex(({type}) => type === message.type);
    if (message.type === "error") peer.errors.push(message.code);
    if (message.type === "offer") queue = queue.then(() => answer(message)).catch((e) => peer.errors.push(String(e)));
    else if (index >= 0) waiting.splice(index, 1)[0].resolve(message);
  }

  async function answer({id, sdp, streams}) {
    await subscribing.setRemoteDescription({type: "offer", sdp});
    await subscribing.setLocalDescription(await subscribing.createAnswer());
    send({type: "answer", connection: "subscribe", id, sdp: subscribing.localDescription.sdp});
    const receivers = new Map(subscribing.getTransceivers().map((t) => [t.mid, t.receiver]));
    for (const {mid, participant, kind} of streams) {
      peer.streams[`${participant} ${kind}`] ??= watch(receivers.get(mid), mid);
    }
  }

  function watch(receiver, mid) {
    const {track} = receiver;
    const element = document.createElement(track.kind);
    Object.assign(element, {autoplay: true, muted: track.kind === "video", playsInline: true});
    element.srcObject = new MediaStream([track]);
    document.documentElement.append(element);
    element.play().catch(() => {});
    const stream = {mid, receiver, element, shown: []};
    const note = (now) => {
      stream.shown.push(now / 1000);
      element.requestVideoFrameCallback?.(note);
    };
    if (track.kind === "video") element.requestVideoFrameCallback?.(note);
    return stream;
  }

  // codecs: mime types for both directions, all when missing.
  function restrict(transceiver, codecs) {
    if (!codecs) return;
    const all = RTCRtpReceiver.getCapabilities("video").codecs;
    transceiver.setCodecPreferences(all.filter((c) => codecs.includes(c.mimeType.toLowerCase())));
  }

  peer.join = async ({room, name, background, codecs}) => {
    socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`);
    await new Promise((open, fail) => Object.assign(socket, {onopen: open, onerror: fail}));
    socket.onmessage = ({data}) => receive(JSON.parse(data));
    subscribing = new RTCPeerConnection();
    if (codecs) {
      const original = subscribing.setRemoteDescription.bind(subscribing);
      subscribing.setRemoteDescription = async (description) => {
        await original(description);
        subscribing.getTransceivers().filter((t) => t.receiver.track.kind === "video").forEach((t) => restrict(t, codecs));
      };
    }
    const joined = next("joined");
    send({type: "join", version: 1, room, name, background});
    peer.id = (await joined).participant;
    return peer.id;
  };

  peer.publish = async ({width = 640, height = 360, audio = false, maxBitrate, codecs}) => {
    capture = await navigator.mediaDevices.getUserMedia({video: {width, height, frameRate: 30}, audio});
    publishing = new RTCPeerConnection();
    const [camera] = capture.getVideoTracks();
    const encoding = {maxFramerate: 30, ...(maxBitrate && {maxBitrate})};
    const options = {direction: "sendonly", streams: [capture]};
    restrict(publishing.addTransceiver(camera, {...options, sendEncodings: [encoding]}), codecs);
    if (audio) publishing.addTransceiver(capture.getAudioTracks()[0], options);
    await publishing.setLocalDescription(await publishing.createOffer());
    await new Promise((done) => {
      const check = () => publishing.iceGatheringState === "complete" && done();
      publishing.onicegatheringstatechange = check;
      check();
      setTimeout(done, 3000);
    });
    const answered = next("answer");
    send({type: "offer", connection: "publish", id: 1, sdp: publishing.localDescription.sdp});
    await publishing.setRemoteDescription({type: "answer", sdp: (await answered).sdp});
    send({type: "media", audio, video: true});
  };

  const of = (reports, type, kind) => reports.filter((r) => r.type === type && (!kind || r.kind === kind));

  // What getStats() tells; `inbound` by participant and kind.
  peer.stats = async () => {
    const reports = async (connection) => (connection ? [...(await connection.getStats()).values()] : []);
    const [up, down] = [await reports(publishing), await reports(subscribing)];
    const pair = of(up, "candidate-pair").find((p) => p.nominated) ?? {};
    const inbound = {};
    for (const [key, {mid, shown, element}] of Object.entries(peer.streams)) {
      const report = of(down, "inbound-rtp").find((r) => r.mid === mid) ?? {};
      const codec = down.find((r) => r.id === report.codecId)?.mimeType;
      inbound[key] = {...report, codec, shown: shown.length, elementWidth: element.videoWidth};
    }
    const [outbound = {}] = of(up, "outbound-rtp", "video");
    return {
      time: performance.now() / 1000,
      states: [publishing?.connectionState ?? "", subscribing?.connectionState ?? ""],
      outbound: {...outbound, codec: up.find((r) => r.id === outbound.codecId)?.mimeType},
      remote: of(up, "remote-inbound-rtp", "video")[0] ?? {},
      available: pair.availableOutgoingBitrate ?? null,
      inbound,
    };
  };

  // When each frame of a stream was presented, in seconds of performance.now().
  peer.shown = (key) => peer.streams[key].shown;

  peer.leave = () => {
    send({type: "leave"});
    capture?.getTracks().forEach((track) => track.stop());
    publishing?.close();
    subscribing.close();
    socket.close();
  };
})();
