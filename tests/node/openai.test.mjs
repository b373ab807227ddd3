// The official Node SDK against the gateway. Run by tests/gateway/test_openai_node.py, which sets the variables.
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import test from "node:test";

import OpenAI from "openai";

const { BASE_URL, API_KEY, TEXT, ANSWERS } = process.env;
const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY, maxRetries: 0, fetch: recordedFetch });
const messages = [{ role: "user", content: "hi" }];

// Writes each answer to a chat into the file ANSWERS, a line each, for the test that runs this to judge.
async function recordedFetch(url, init) {
  const response = await fetch(url, init);
  if (String(url).endsWith("/chat/completions")) {
    const headers = Object.fromEntries(response.headers);
    response
      .clone()
      .text()
      .then((body) => appendFileSync(ANSWERS, JSON.stringify({ status: response.status, headers, body }) + "\n"))
      .catch(() => {}); // an aborted stream
  }
  return response;
}

async function textOf(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
}

test("models.list", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes("emu/text"));
});

test("models.retrieve takes an id from the list unchanged", async () => {
  const model = await client.models.retrieve("emu/text");
  assert.deepEqual(Object.keys(model).sort(), ["created", "id", "object", "owned_by"]);
  assert.equal(model.id, "emu/text");
  assert.equal(typeof model.created, "number");
});

test("create", async () => {
  const completion = await client.chat.completions.create({ model: "emu/text", messages });
  assert.equal(completion.choices[0].message.content, TEXT);
  assert.equal(completion.model, "emu/text");
  assert.match(completion.id, /^gen-/);
  assert.equal(completion.usage.total_tokens, 18);
  assert.ok(completion._request_id);
});

test("stream", async () => {
  const stream = await client.chat.completions.create({ model: "emu/text", messages, stream: true });
  assert.equal(await textOf(stream), TEXT);
});

test("stream with usage", async () => {
  const stream = await client.chat.completions.create({
    model: "emu/text",
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.total_tokens, 18);
  assert.ok(chunks.slice(0, -1).every((chunk) => !chunk.usage && chunk.choices.length === 1));
});

test("withResponse gives the raw response", async () => {
  const { data, response } = await client.chat.completions.create({ model: "emu/text", messages }).withResponse();
  assert.equal(data.choices[0].message.content, TEXT);
  assert.equal(response.status, 200);
  assert.ok(response.headers.get("x-request-id"));
  assert.deepEqual([...response.headers.keys()].filter((name) => name.startsWith("grpc-")), []);
});

test("the stream helper accumulates parallel tool calls", async () => {
  const message = await client.chat.completions.stream({ model: "emu/tools", messages }).finalMessage();
  assert.deepEqual(
    message.tool_calls.map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments)]),
    [
      ["call_1", "get_weather", { city: "Zürich", days: 3 }],
      ["call_2", "get_time", { zone: "Europe/Zurich" }],
    ],
  );
});

test("an aborted stream does not throw", async () => {
  const stream = await client.chat.completions.create({
    model: "emu/gated",
    messages,
    stream: true,
    user: "aborted by node",
  });
  for await (const chunk of stream) if (chunk.choices[0].delta.content === "Hello") break;
});

const errors = [
  ["emu/text", { messages: [] }, OpenAI.BadRequestError, 400, "invalid_request_error", null],
  ["emu/missing", {}, OpenAI.NotFoundError, 404, "invalid_request_error", "model_not_found"],
  ["emu/status-400", {}, OpenAI.BadRequestError, 400, "invalid_request_error", "emulated_code"],
  ["emu/status-422", {}, OpenAI.UnprocessableEntityError, 422, "invalid_request_error", "emulated_code"],
  ["emu/status-429", {}, OpenAI.RateLimitError, 429, "rate_limit_error", "emulated_code"],
  ["emu/status-401", {}, OpenAI.InternalServerError, 502, "server_error", "provider_credentials"],
  ["emu/status-500", {}, OpenAI.InternalServerError, 502, "server_error", "provider_error"],
  ["refusing/text", {}, OpenAI.InternalServerError, 502, "server_error", "provider_unreachable"],
  ["hasty/hang", {}, OpenAI.InternalServerError, 504, "server_error", "provider_timeout"],
];

for (const stream of [false, true]) {
  for (const [model, fields, kind, status, type, code] of errors) {
    test(`${model} ${JSON.stringify(fields)} ${stream ? "streamed " : ""}is ${kind.name}`, async () => {
      await assert.rejects(client.chat.completions.create({ model, messages, stream, ...fields }), (error) => {
        assert.equal(error.constructor, kind);
        assert.deepEqual([error.status, error.type, error.code ?? null], [status, type, code]);
        assert.ok(error.requestID);
        return true;
      });
    });
  }
}

test("a wrong key is AuthenticationError", async () => {
  const stranger = new OpenAI({ baseURL: BASE_URL, apiKey: "lr_live_wrong", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), (error) => {
    assert.equal(error.constructor, OpenAI.AuthenticationError);
    assert.equal(error.code, "invalid_api_key");
    return true;
  });
});

test("an error amid a stream is APIError", async () => {
  const stream = await client.chat.completions.create({ model: "emu/error-midstream", messages, stream: true });
  await assert.rejects(textOf(stream), (error) => {
    assert.ok(error instanceof OpenAI.APIError);
    assert.equal(error.code, "provider_error");
    return true;
  });
});
