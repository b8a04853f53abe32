// Each case prints one line: what a program of Node's own manual does with workers, children, pipes, sockets and names.
import assert from "node:assert";
import { once } from "node:events";
import child_process from "node:child_process";
import cluster from "node:cluster";
import dgram from "node:dgram";
import dns from "node:dns/promises";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const self = fileURLToPath(import.meta.url);
const text = async (stream) => { let all = ""; for await (const piece of stream) all += piece; return all; };

const cases = {
  async worker() {
    const worker = new Worker(self, { workerData: { shared: new SharedArrayBuffer(8) } });
    worker.postMessage(20);
    const [sum] = await once(worker, "message");
    const [code] = await once(worker, "exit");
    return [sum, code];
  },
  async spawn() {
    const child = child_process.spawn("cmd.exe", ["/c", "echo %WORD%& exit 7"], { env: { ...process.env, WORD: "said" } });
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
    return [out.trim(), code];
  },
  async stdin() {
    const child = child_process.spawn(process.execPath, ["-e", "process.stdin.pipe(process.stdout)"]);
    child.stdin.end("x".repeat(200000));
    return (await text(child.stdout)).length;
  },
  sync: async () => child_process.execFileSync(process.execPath, ["-p", "6*7"]).toString().trim(),
  async fork() {
    const child = child_process.fork(self, ["child"]);
    child.send({ number: 21 });
    const [answer] = await once(child, "message");
    child.disconnect();
    const [code] = await once(child, "exit");
    return [answer, code];
  },
  async handle() {
    const child = child_process.fork(self, ["child"]);
    const server = net.createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    child.send({ port: 0 }, server);
    await once(child, "message");
    const { port } = server.address();
    server.close();
    const got = await text(net.connect(port, "127.0.0.1"));
    child.disconnect();
    await once(child, "exit");
    return got;
  },
  async kill() {
    const child = child_process.spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log('up')"]);
    await once(child.stdout, "data");
    child.kill();
    const [code, signal] = await once(child, "exit");
    return [code, signal];
  },
  async missing() {
    const [error] = await once(child_process.spawn("no-such-program.exe"), "error");
    return error.code;
  },
  async pipe() {
    const server = net.createServer((socket) => socket.pipe(socket));
    await once(server.listen("\\\\.\\pipe\\lichen-node"), "listening");
    const client = net.connect("\\\\.\\pipe\\lichen-node");
    client.end("through a pipe");
    const got = await text(client);
    server.close();
    return got;
  },
  async http() {
    const server = http.createServer((request, answer) => request.pipe(answer));
    await once(server.listen(0), "listening");
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const ask = (body) => new Promise((resolve, reject) => {
      const request = http.request({ port: server.address().port, method: "POST", agent }, (answer) => resolve(text(answer)));
      request.on("error", reject);
      request.end(body);
    });
    const all = await Promise.all(Array.from({ length: 40 }, (_, n) => ask("y".repeat(n * 1000))));
    assert(all.every((each, n) => each.length === n * 1000));
    agent.destroy();
    server.close();
    return all.length;
  },
  async refused() {
    const server = net.createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    const [error] = await once(net.connect(port, "127.0.0.1"), "error");
    return error.code;
  },
  async taken() {
    const one = net.createServer();
    await once(one.listen(0, "127.0.0.1"), "listening");
    const other = net.createServer();
    const [error] = await once(other.listen(one.address().port, "127.0.0.1"), "error");
    one.close();
    return error.code;
  },
  async reset() {
    const server = net.createServer((socket) => socket.resetAndDestroy());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const [error] = await once(net.connect(server.address().port, "127.0.0.1"), "error");
    server.close();
    return error.code;
  },
  async timeout() {
    const server = net.createServer(() => {});
    await once(server.listen(0, "127.0.0.1"), "listening");
    const client = net.connect(server.address().port, "127.0.0.1");
    client.setTimeout(50);
    await once(client, "timeout");
    client.destroy();
    server.close();
    return "heard nothing";
  },
  async halfopen() {
    const server = net.createServer({ allowHalfOpen: true }, async (socket) => { socket.end(`got ${(await text(socket)).length}`); });
    await once(server.listen(0, "::1"), "listening");
    const client = net.connect(server.address().port, "::1");
    client.end("z".repeat(1 << 20));
    const got = await text(client);
    server.close();
    return got;
  },
  async dgram() {
    const [one, other] = [dgram.createSocket("udp6"), dgram.createSocket("udp6")];
    one.bind(0, "::1");
    await once(one, "listening");
    other.connect(one.address().port, "::1");
    await once(other, "connect");
    other.send("datagram");
    const [message, from] = await once(one, "message");
    const same = from.port === other.address().port;
    one.close();
    other.close();
    return [message.toString(), same];
  },
  async names() {
    const local = await dns.lookup("localhost", { all: true });
    const service = await dns.lookupService("127.0.0.1", 80);
    return [local.some((each) => each.address === "127.0.0.1"), service.service, net.isIP((await dns.lookup("10.1.2.3")).address)];
  },
  interfaces: async () => Object.values(os.networkInterfaces()).flat().some((each) => each.address === "127.0.0.1" && each.internal),
  async cluster() {
    cluster.setupPrimary({ exec: self, args: ["child"] });
    const workers = [cluster.fork(), cluster.fork()];
    const addresses = await Promise.all(workers.map((worker) => once(worker, "listening")));
    const port = addresses[0][0].port;
    const ask = () => new Promise((resolve) => http.get({ port, host: "127.0.0.1", agent: false }, (answer) => resolve(text(answer))));
    const answers = await Promise.all([1, 2, 3, 4].map(ask));
    workers.forEach((worker) => worker.kill());
    await Promise.all(workers.map((worker) => once(worker, "exit")));
    return [new Set(answers).size, answers.length];
  },
};

if (!isMainThread) {
  parentPort.once("message", (number) => {
    Atomics.add(new Int32Array(workerData.shared), 0, number);
    parentPort.postMessage(Atomics.load(new Int32Array(workerData.shared), 0) + 22);
  });
} else if (cluster.isWorker) {
  http.createServer((request, answer) => answer.end(String(cluster.worker.id))).listen(0, "127.0.0.1");
} else if (process.argv[2] === "child") {
  process.on("message", (message, server) => {
    if (!server) return process.send(message.number * 2);
    server.on("connection", (socket) => { socket.end(`from the child`); server.close(); });
    process.send("taken");
  });
} else {
  for (const name of process.argv.slice(2).length ? process.argv.slice(2) : Object.keys(cases)) {
    const late = new Promise((resolve) => setTimeout(() => resolve("LATE"), 15000).unref());
    const result = await Promise.race([cases[name]().catch((error) => `FAILED ${error.stack}`), late]);
    console.log(name, JSON.stringify(result));
  }
}
