/* Publishes and plays with clients that others made; driven by test_whip.py. */
import { WHIPClient as Eyevinn } from "@eyevinn/whip-web-client";
import { WHEPClient } from "whip-whep/whep.js";
import { WHIPClient } from "whip-whep/whip.js";

async function camera() {
  return navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 }, audio: true });
}

/** Publish with whip-whep; `restart` asks for another ICE session of what runs. */
window.publish = async (url, token) => {
  const stream = await camera();
  const connection = (window.connection = new RTCPeerConnection());
  for (const track of stream.getTracks()) {
    connection.addTransceiver(track, { direction: "sendonly", streams: [stream] });
  }
  window.client = new WHIPClient();
  await window.client.publish(connection, url, token);
};

/* whip-whep 1.2.0 joins the candidates of a restart's answer with commas, so it gets the first one only. */
const request = window.fetch;
window.fetch = async (url, options) => {
  const response = await request(url, options);
  if (options?.method !== "PATCH" || response.status !== 200) return response;
  let seen = 0;
  const lines = (await response.text()).split(/(?<=\n)/).filter((line) => !line.startsWith("a=candidate") || !seen++);
  return new Response(lines.join(""), { status: 200, headers: response.headers });
};

window.restart = () => window.client.restart();

window.stop = () => window.client.stop();

/** Publish with @eyevinn/whip-web-client, with trickle ICE or without. */
window.publishEyevinn = async (url, token, noTrickleIce) => {
  window.client = new Eyevinn({ endpoint: url, opts: { authkey: token, noTrickleIce } });
  await window.client.setIceServersFromEndpoint();
  await window.client.ingest(await camera());
};

window.destroy = () => window.client.destroy();

/** Play with whip-whep. */
window.play = async (url, token) => {
  const connection = new RTCPeerConnection();
  for (const kind of ["audio", "video"]) connection.addTransceiver(kind, { direction: "recvonly" });
  connection.ontrack = ({ track }) => {
    if (track.kind === "video") document.querySelector("#played").srcObject = new MediaStream([track]);
  };
  window.client = new WHEPClient();
  await window.client.view(connection, url, token);
};

/** The picture that is played now, as a data URL; null before the first. */
window.picture = () => {
  const video = document.querySelector("#played");
  if (!video.videoWidth || !video.currentTime) return null;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png");
};

window.ready = true;
