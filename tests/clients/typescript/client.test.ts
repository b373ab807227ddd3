// The client in Node, against the real service and gateway. Run by tests/clients/test_typescript.py.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, test } from "node:test";

import { ConnectError } from "@connectrpc/connect";
import { CallError, Client, Code, accumulate, textMessage, textOf } from "arouter-client";
import { ChatService, KeyService, ModelService, Role, RoutingService } from "arouter-client/v1";

import { ENDPOINTS, KEY, TEXT, provider } from "./settings.ts";

for (const { name, ...endpoint } of ENDPOINTS) {
  const client = new Client({ ...endpoint, apiKey: KEY });

  function request(model: string, user = "", text = "hi") {
    return { model, messages: [textMessage(Role.USER, text)], user: `${name}: ${user}` };
  }

  async function failure(call: Promise<unknown>): Promise<CallError> {
    const error = await call.then(() => undefined, (thrown: unknown) => thrown);
    assert.ok(error instanceof CallError, `no CallError: ${error}`);
    assert.ok(error instanceof ConnectError);
    return error;
  }

  async function streamed(model: string, user = "", signal?: AbortSignal): Promise<string[]> {
    const pieces = [];
    for await (const chunk of client.streamChat(request(model, user), signal ? { signal } : {})) {
      for (const choice of chunk.choices) if (choice.delta?.content) pieces.push(choice.delta.content);
    }
    return pieces;
  }

  describe(name, () => {
    test("lists models", async () => {
      const models = await client.listModels();

      assert.ok(models.some((model) => model.id === "emu/text"));
      assert.ok((await client.listModels({ view: "full" })).some((model) => model.details?.pricing));
      assert.equal((await client.getModel("emu/text")).ownedBy, "emu");
    });

    test("completes a chat", async () => {
      const response = await client.chat(request("emu/text"));

      assert.equal(textOf(response.choices[0]?.message), TEXT);
      assert.equal(response.choices[0]?.finishReason, "stop");
      assert.equal(response.usage?.totalTokens, 18);
      assert.equal(response.route?.attempts[0]?.result, "ok");
    });

    test("streams a chat", async () => {
      const stream = client.streamChat(request("emu/text"));
      const chunks = await Array.fromAsync(stream);

      assert.ok(chunks.length > 1);
      const response = stream.completion();
      assert.deepEqual(accumulate(chunks), response);
      assert.equal(textOf(response.choices[0]?.message), TEXT);
      assert.equal(response.choices[0]?.message?.role, Role.ASSISTANT);
      assert.equal(response.choices[0]?.finishReason, "stop");
      assert.equal(response.usage?.totalTokens, 18);
      assert.ok(response.route);
    });

    for (const model of ["emu/text", "emu/tools", "emu/reasoning"]) {
      test(`accumulates ${model} to what the unary call returns`, async () => {
        const stream = client.streamChat(request(model));
        for await (const _ of stream);

        const complete = await client.chat(request(model));
        const choices = stream.completion().choices;
        assert.ok(choices.length > 0);
        assert.deepEqual(choices, complete.choices);
      });
    }

    test("sends an accumulated message with tool calls back", async () => {
      const stream = client.streamChat(request("emu/tools"));
      for await (const _ of stream);
      const [answer] = stream.completion().choices;
      const calls = answer?.message?.toolCalls ?? [];
      assert.deepEqual(calls.map((call) => call.call.value?.name), ["get_weather", "get_time"]);

      const next = request("emu/text");
      const results = calls.map((call) => ({ ...textMessage(Role.TOOL, "12"), toolCallId: call.id }));
      const response = await client.chat({ ...next, messages: [...next.messages, answer!.message!, ...results] });

      assert.equal(textOf(response.choices[0]?.message), TEXT);
    });

    test("embeds", async () => {
      const response = await client.embed({ model: "emu/embed", input: ["one", "two"] });

      assert.deepEqual(response.data.map(({ index, embedding }) => [index, embedding.length]), [[0, 8], [1, 8]]);
      assert.equal(response.usage?.promptTokens, 7);
    });

    test("reaches every service", async () => {
      const explained = await client.service(RoutingService).explainRoute({ chatRequest: request("emu/text") });
      const { data } = await client.service(KeyService).getCurrentKey({});

      assert.equal(explained.route?.candidates[0]?.endpoint, "emu/text");
      assert.ok(data);
    });

    test("watches models", async () => {
      for await (const change of client.service(ModelService).watchModels({})) {
        assert.ok(change.models.some((model) => model.id === "emu/text"));
        break;
      }
    });

    test("asks the token provider before each call", async () => {
      const keys = ["wrong", KEY];
      const rotating = new Client({ ...endpoint, apiKey: async () => keys.shift()! });

      assert.equal((await failure(rotating.listModels())).reason, "INVALID_API_KEY");
      assert.ok((await rotating.listModels()).length > 0);
    });

    test("keeps a malformed key out of its errors", async () => {
      const malformed = new Client({ ...endpoint, apiKey: "lr_live_secret\n" });

      await assert.rejects(malformed.listModels(), (error) => !String(error).includes("secret"));
    });

    test("sends no key without one", async () => {
      assert.equal((await failure(new Client(endpoint).listModels())).reason, "INVALID_API_KEY");
    });

    test("says that a key is wrong", async () => {
      const stranger = new Client({ ...endpoint, apiKey: "lr_live_unknown" });

      const error = await failure(stranger.chat(request("emu/text")));

      assert.equal(error.code, Code.Unauthenticated);
      assert.equal(error.reason, "INVALID_API_KEY");
      assert.equal(error.errorCode, "invalid_api_key");
      assert.equal(error.httpStatus, 401);
    });

    test("says that a model is unknown", async () => {
      const error = await failure(client.chat(request("emu/unknown")));

      assert.equal(error.code, Code.NotFound);
      assert.equal(error.reason, "MODEL_NOT_FOUND");
      assert.match(error.rawMessage, /emu\/unknown/);
      assert.equal(error.retryDelayMs, undefined);
      if (name.endsWith("gateway")) assert.match(error.requestId ?? "", /^[\w-]{20,}$/);
    });

    test("says which argument is wrong", async () => {
      const error = await failure(client.chat({ ...request("emu/text"), temperature: 9 }));

      assert.equal(error.code, Code.InvalidArgument);
      assert.equal(error.reason, "INVALID_REQUEST");
      assert.equal(error.param, "temperature");
    });

    test("says when to retry", async () => {
      const error = await failure(client.chat(request("emu/status-429")));

      assert.equal(error.code, Code.ResourceExhausted);
      assert.equal(error.reason, "RATE_LIMITED");
      assert.equal(error.retryDelayMs, 17_000);
      assert.equal(error.provider, "emu");
    });

    test("says what is wrong with a stream before its first chunk", async () => {
      const error = await failure(streamed("emu/unknown"));

      assert.equal(error.reason, "MODEL_NOT_FOUND");
    });

    test("keeps the chunks of a stream that fails", async () => {
      const stream = client.streamChat(request("emu/error-midstream"));
      const error = await failure(Array.fromAsync(stream));

      assert.equal(error.reason, "PROVIDER_ERROR");
      assert.match(textOf(stream.completion().choices[0]?.message), /^Hello/);
    });

    test("keeps its deadline", async () => {
      const hasty = new Client({ ...endpoint, apiKey: KEY, timeoutMs: 300 });

      const unary = await failure(hasty.chat(request("emu/hang", "deadline")));
      const inStream = await failure(Array.fromAsync(hasty.streamChat(request("emu/gated", "deadline of a stream"))));

      assert.equal(unary.code, Code.DeadlineExceeded);
      assert.equal(inStream.code, Code.DeadlineExceeded);
      await provider("disconnected", `${name}: deadline`);
      await provider("disconnected", `${name}: deadline of a stream`);
    });

    test("lets a call set its own deadline", async () => {
      const error = await failure(client.chat(request("emu/hang", "own deadline"), { timeoutMs: 300 }));

      assert.equal(error.code, Code.DeadlineExceeded);
    });

    test("cancels a unary call", async () => {
      const controller = new AbortController();
      const call = failure(client.chat(request("emu/gated", "cancelled"), { signal: controller.signal }));
      await provider("arrived", `${name}: cancelled`);
      controller.abort();

      assert.equal((await call).code, Code.Canceled);
      await provider("disconnected", `${name}: cancelled`);
    });

    test("cancels a stream", async () => {
      const controller = new AbortController();
      const error = await failure(
        (async () => {
          for await (const chunk of client.streamChat(request("emu/gated", "aborted"), controller)) {
            if (chunk.choices[0]?.delta?.content === "Hello") controller.abort();
          }
        })(),
      );

      assert.equal(error.code, Code.Canceled);
      await provider("disconnected", `${name}: aborted`);
    });

    test("cancels a stream whose loop is left", async () => {
      for await (const chunk of client.streamChat(request("emu/gated", "left"))) {
        if (chunk.choices[0]?.delta?.content === "Hello") break;
      }

      await provider("disconnected", `${name}: left`);
    });

    test("delivers chunks as they come", async () => {
      const pieces: string[] = [];
      for await (const chunk of client.streamChat(request("emu/gated", "gated"))) {
        const piece = chunk.choices[0]?.delta?.content;
        if (piece) pieces.push(piece);
        // The provider sends the rest when the first piece is here.
        if (pieces.length === 1 && piece) await provider("release", `${name}: gated`);
      }

      assert.equal(pieces.join(""), TEXT);
    });

    test("receives and sends large messages", async () => {
      const large = await client.chat(request("emu/1mb"));
      const echoed = await client.chat(request("emu/echo", "", "y".repeat(5_000_000)));
      const chunks = await streamed("emu/1mb");

      assert.equal(textOf(large.choices[0]?.message).length, 2 ** 20);
      assert.equal(textOf(echoed.choices[0]?.message).length, 5_000_000);
      assert.equal(chunks.join("").length, 2 ** 20);
    });

    test("keeps 64-bit integers", async () => {
      await client.chat({ ...request("emu/text", "seeded"), seed: 2n ** 63n - 1n });

      assert.match(await provider("arrived", `${name}: seeded`), /"seed":9223372036854775807\b/);
    });

    test("leaves no listeners on a signal that many calls share", async () => {
      const { signal } = new AbortController();
      for (let count = 0; count < 20; count += 1) {
        await client.listModels({}, { signal });
        await streamed("emu/text", "", signal);
      }

      assert.ok(getEventListeners(signal, "abort").length <= 1);
    });

    test("shows headers and trailers", async () => {
      const seen = new Headers();
      const collect = (more: Headers) => more.forEach((value, key) => seen.set(key, value));

      await client.service(ChatService).chatCompletion(request("emu/text"), { onHeader: collect, onTrailer: collect });

      assert.equal(seen.get("x-arouter-provider"), "emu");
    });
  });
}
