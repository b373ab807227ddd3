// The same streams add up to the same completions as in the Python client. tests/clients/test_typescript.py writes them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { fromBinary, toJson, type JsonObject } from "@bufbuild/protobuf";
import { accumulate } from "arouter-client";
import { ChatCompletionResponseSchema, StreamChatCompletionResponseSchema } from "arouter-client/v1";

const cases: { chunks: string[]; completion: JsonObject }[] = JSON.parse(readFileSync("cases.json", "utf8"));

for (const [number, { chunks, completion }] of cases.entries()) {
  test(`stream ${number}`, () => {
    const decoded = chunks.map((chunk) => fromBinary(StreamChatCompletionResponseSchema, Buffer.from(chunk, "base64")));

    assert.deepEqual(toJson(ChatCompletionResponseSchema, accumulate(decoded)), completion);
  });
}
