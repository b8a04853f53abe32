// Servers that say on which ports they are, until the standard input ends.
import dgram from "node:dgram";
import http from "node:http";
import net from "node:net";

const ready = (server, start) => new Promise((resolve) => { server.once("listening", resolve); start(); });

const web = http.createServer((request, answer) => {
  let size = 0;
  request.on("data", (piece) => { size += piece.length; });
  request.on("end", () => answer.end(`windows got ${size} bytes for ${request.url}`));
});
await ready(web, () => web.listen(0, "127.0.0.1"));
const echo = net.createServer((socket) => socket.pipe(socket));
await ready(echo, () => echo.listen(0, "::1"));
const datagrams = dgram.createSocket("udp4");
datagrams.on("message", (text, from) => datagrams.send(`back: ${text}`, from.port, from.address));
await ready(datagrams, () => datagrams.bind(0, "127.0.0.1"));
console.log(web.address().port, echo.address().port, datagrams.address().port);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
