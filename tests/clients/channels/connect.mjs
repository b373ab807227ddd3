// Calls with @connectrpc/connect-node: gRPC over HTTP/2.
import { readFileSync } from "node:fs";

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  createGrpcTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.env.DESCRIPTOR)));
const ROLE_USER = registry.getEnum("arouter.v1.Role").values.find((value) => value.name === "ROLE_USER").number;
const COMPRESSIONS = { gzip: compressionGzip, br: compressionBrotli };

export function open(target, { session = {}, sendCompression, ...options }) {
  const baseUrl = `http://${target}`;
  const sessionManager = new Http2SessionManager(baseUrl, session);
  const transport = createGrpcTransport({
    ...options,
    baseUrl,
    sessionManager,
    sendCompression: COMPRESSIONS[sendCompression] ?? null,
  });

  async function call({ service, method, model, text, key, timeout, signal, onText }) {
    const descriptor = registry.getService(`arouter.v1.${service}`);
    const { localName, methodKind } = descriptor.methods.find((each) => each.name === method);
    const messages = [{ role: ROLE_USER, contentForm: { case: "content", value: text } }];
    const callOptions = {
      signal,
      headers: { authorization: `Bearer ${key}` },
      ...(timeout ? { timeoutMs: timeout * 1000 } : {}),
    };
    const request = service === "ChatService" ? { model, messages } : {};
    const answer = createClient(descriptor, transport)[localName](request, callOptions);
    if (methodKind === "unary") onText((await answer).choices?.[0].message.contentForm.value ?? "");
    else for await (const chunk of answer) onText(chunk.choices?.[0]?.delta?.content ?? "");
  }

  return { call, read, close: () => sessionManager.abort() };
}

function read(raised) {
  const error = ConnectError.from(raised);
  const pushback = error.metadata.get("grpc-retry-pushback-ms");
  return { code: error.code, details: error.rawMessage, ...(pushback ? { pushback } : {}) };
}
