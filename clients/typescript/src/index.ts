export { Accumulator, accumulate } from "./accumulator.js";
export type { ApiKey } from "./call-transport.js";
export { ChatStream } from "./chat-stream.js";
export { Client, type ClientOptions } from "./client.js";
export { CallError } from "./errors.js";
export { textMessage, textOf } from "./messages.js";
export type { Protocol } from "./options.js";
export { Code, type CallOptions } from "@connectrpc/connect";
