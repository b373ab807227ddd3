// The client in Chromium, on a page of another origin than the gateway's. Run by tests/clients/test_typescript.py.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";

import { Code } from "arouter-client";
import { build } from "esbuild";
import { chromium, type Browser, type Page as Tab } from "playwright-core";

import type { Page } from "./page.ts";
import { KEY, TEXT, provider, variable } from "./settings.ts";

const GATEWAY_URL = variable("GATEWAY_URL");
const ORIGIN = `http://127.0.0.1:${variable("PAGE_PORT")}`;
const ARGUMENTS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The name under which the page's bundle holds what page.ts exports. */
declare const app: { Page: typeof Page };

const bundled = await build({
  entryPoints: ["page.ts"],
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "app",
  write: false,
  metafile: true,
});
const script = bundled.outputFiles[0]!.text;

const server = createServer((request, response) => {
  const isScript = request.url === "/page.js";
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  response.end(isScript ? script : '<!doctype html><title>Page</title><script src="/page.js"></script>');
});
let browser: Browser;

before(async () => {
  server.listen(Number(variable("PAGE_PORT")), "127.0.0.1");
  await once(server, "listening");
  browser = await chromium.launch({ executablePath: variable("CHROMIUM"), chromiumSandbox: false, args: ARGUMENTS });
});

after(async () => {
  await browser.close();
  server.close();
});

test("the bundle is small: nothing of Node, no service that the page does not call", () => {
  const [output] = Object.values(bundled.metafile.outputs);
  const used = Object.entries(output!.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const paths = used.map(([path]) => path);

  assert.ok(paths.some((path) => path.endsWith("/chat_service_pb.js")));
  assert.deepEqual(paths.filter((path) => /connect-node|(key|usage|routing)_service_pb/.test(path)), []);
  const size = gzipSync(script).length;
  console.log(`The page's script has ${script.length} bytes, ${size} compressed.`);
  assert.ok(size < 80_000, `${size} bytes`);
});

for (const protocol of ["grpc-web", "connect"] as const) {
  describe(protocol, () => {
    /** Opens the page, and hands each piece that it reports to a function. */
    async function opened(report: (piece: string) => Promise<void> | void, origin = ORIGIN): Promise<Tab> {
      const tab = await browser.newPage();
      await tab.exposeFunction("report", report);
      await tab.goto(origin);
      return tab;
    }

    /** Calls a method of the page's class. */
    function run<M extends "list" | "chat" | "stream" | "abort" | "failure">(
      tab: Tab,
      method: M,
      ...parameters: Parameters<Page[M]>
    ): ReturnType<Page[M]> {
      const call = ([settings, name, given]: any) => {
        const page = new app.Page(...(settings as [string, string, "grpc-web"])) as any;
        return page[name](...given);
      };
      return tab.evaluate(call, [[GATEWAY_URL, KEY, protocol], method, parameters]) as ReturnType<Page[M]>;
    }

    test("lists models and completes a chat", async () => {
      const tab = await opened(() => {});

      assert.ok((await run(tab, "list")).includes("emu/text"));
      assert.equal(await run(tab, "chat", "emu/text", "hi"), TEXT);
      await tab.close();
    });

    test("streams chunk by chunk", async () => {
      const user = `${protocol} streamed`;
      const pieces: string[] = [];
      const tab = await opened(async (piece) => {
        pieces.push(piece);
        // The provider waits with all further pieces until the page has the first.
        if (pieces.length === 1) await provider("release", user);
      });

      assert.equal(await run(tab, "stream", "emu/gated", user), TEXT);
      assert.equal(pieces[0], "Hello");
      assert.ok(pieces.length > 1);
      await tab.close();
    });

    test("cancels the provider call when the page aborts", async () => {
      const user = `${protocol} aborted`;
      const tab = await opened(() => {});

      assert.equal(await run(tab, "abort", "emu/gated", user), Code.Canceled);
      await provider("disconnected", user);
      await tab.close();
    });

    test("cancels the provider call when the page is closed", async () => {
      const user = `${protocol} closed`;
      const { promise: begun, resolve } = Promise.withResolvers<void>();
      const tab = await opened(() => resolve());
      const stream = run(tab, "stream", "emu/gated", user).catch(() => "closed");
      await begun;
      await tab.close();

      await provider("disconnected", user);
      assert.equal(await stream, "closed");
    });

    test("reads the details of errors", async () => {
      const tab = await opened(() => {});

      const invalid = await run(tab, "failure", "emu/text", 9, 0, false);
      assert.equal(invalid.code, Code.InvalidArgument);
      assert.equal(invalid.reason, "INVALID_REQUEST");
      assert.equal(invalid.param, "temperature");
      assert.match(invalid.requestId ?? "", /^[\w-]{20,}$/);
      const limited = await run(tab, "failure", "emu/status-429", 1, 0, false);
      assert.equal(limited.reason, "RATE_LIMITED");
      assert.equal(limited.retryDelayMs, 17_000);
      assert.equal(limited.provider, "emu");
      assert.equal((await run(tab, "failure", "emu/unknown", 1, 0, true)).reason, "MODEL_NOT_FOUND");
      assert.equal((await run(tab, "failure", "emu/error-midstream", 1, 0, true)).reason, "PROVIDER_ERROR");
      assert.equal((await run(tab, "failure", "emu/hang", 1, 300, false)).code, Code.DeadlineExceeded);
      await tab.close();
    });

    test("receives and sends large messages", async () => {
      const tab = await opened(() => {});

      assert.equal((await run(tab, "chat", "emu/1mb", "hi")).length, 2 ** 20);
      assert.equal((await run(tab, "chat", "emu/echo", "y".repeat(2_000_000))).length, 2_000_000);
      await tab.close();
    });

    test("is refused on a page of another origin", async () => {
      const tab = await opened(() => {}, ORIGIN.replace("127.0.0.1", "localhost"));

      const error = await run(tab, "failure", "emu/text", 1, 0, false);
      assert.equal(error.reason, "");
      assert.equal(error.rawMessage, "Failed to fetch");
      await tab.close();
    });
  });
}
