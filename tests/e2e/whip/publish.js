// Publishes the browser's camera and microphone by WHIP, with whatever else an offer may hold, and tells what became of it.
async (options) => {
  const connection = new RTCPeerConnection({bundlePolicy: options.bundlePolicy});
  if (options.channel) connection.createDataChannel('notes');
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  const [audio] = stream.getAudioTracks(), [video] = stream.getVideoTracks();
  const sound = connection.addTransceiver(audio, {direction: 'sendonly', streams: [stream]});
  const layers = [{rid: 'h'}, {rid: 'm', scaleResolutionDownBy: 2}, {rid: 'l', scaleResolutionDownBy: 4}];
  connection.addTransceiver(video, {direction: 'sendonly', streams: [stream], ...(options.simulcast && {sendEncodings: layers})});
  if (options.pcmu && sound.setCodecPreferences) {
    const {codecs} = RTCRtpReceiver.getCapabilities('audio');
    sound.setCodecPreferences(codecs.sort((a, b) => b.mimeType.endsWith('PCMU') - a.mimeType.endsWith('PCMU')));
  }
  await connection.setLocalDescription();
  const headers = {'Content-Type': 'application/sdp'};
  const response = await fetch(options.path, {method: 'POST', headers, body: connection.localDescription.sdp});
  const sdp = await response.text();
  if (response.status !== 201) return {status: response.status, text: sdp};
  await connection.setRemoteDescription({type: 'answer', sdp});
  const sent = {};
  for (let i = 0; i < 300 && !(sent.audio > 20 && sent.video > 20); i++) {
    await new Promise(resolve => setTimeout(resolve, 100));
    const reports = [...(await connection.getStats()).values()].filter(each => each.type === 'outbound-rtp');
    for (const kind of ['audio', 'video']) {
      sent[kind] = reports.filter(each => each.kind === kind).reduce((sum, each) => sum + each.packetsSent, 0);
    }
    sent.streams = reports.filter(each => each.kind === 'video' && each.framesEncoded > 0).length;
  }
  const codecs = [...(await connection.getStats()).values()].filter(each => each.type === 'codec').map(each => each.mimeType);
  const result = {status: 201, state: connection.connectionState, streams: sent.streams, audio: sent.audio, video: sent.video, codecs};
  connection.close();
  await fetch(response.headers.get('Location'), {method: 'DELETE'});
  stream.getTracks().forEach(track => track.stop());
  return result;
}
