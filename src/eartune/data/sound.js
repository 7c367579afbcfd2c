// Opens a microphone, and turns what it gave into a WAV file of RATE Hz; both pages that record hold this.

const PASS_ON = `registerProcessor("pass-on", class extends AudioWorkletProcessor {
  process([input]) { if (input[0]) this.port.postMessage(input[0].slice()); return true; }
});`;

async function openMicrophone(hear, gone) {
  // What the browser would do to a voice, models were trained without: they are given it as it is.
  const wanted = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  const context = new AudioContext();
  await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(PASS_ON)}`);  // a page from a file may not load a blob
  const node = new AudioWorkletNode(context, "pass-on", { channelCount: 1, channelCountMode: "explicit" });
  node.port.onmessage = (message) => hear(message.data);
  context.createMediaStreamSource(stream).connect(node).connect(context.destination);  // it puts out nothing
  stream.getAudioTracks()[0].onended = gone;
  return { context, node };
}

async function resampled(heard, length, rate) {
  const offline = new OfflineAudioContext(1, Math.round(length * RATE / rate), RATE);
  const buffer = offline.createBuffer(1, length, rate);
  let place = 0;
  for (const chunk of heard) { buffer.copyToChannel(chunk, 0, place); place += chunk.length; }
  const source = offline.createBufferSource();
  source.buffer = buffer;
  source.connect(offline.destination);
  source.start();
  return (await offline.startRendering()).getChannelData(0);
}

function wav(samples) {
  const bytes = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (place, letters) => [...letters].forEach((letter, i) => bytes.setUint8(place + i, letter.charCodeAt(0)));
  text(0, "RIFF"); bytes.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVE");
  text(12, "fmt "); bytes.setUint32(16, 16, true); bytes.setUint16(20, 1, true); bytes.setUint16(22, 1, true);
  bytes.setUint32(24, RATE, true); bytes.setUint32(28, 2 * RATE, true); bytes.setUint16(32, 2, true); bytes.setUint16(34, 16, true);
  text(36, "data"); bytes.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => bytes.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, Math.round(32768 * sample))), true));
  return new Blob([bytes], { type: "audio/wav" });
}
