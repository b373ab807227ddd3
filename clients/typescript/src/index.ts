export { ChatAccumulator } from "./accumulator.js";
export { Client, type ClientOptions } from "./client.js";
export { ARouterError } from "./errors.js";
export { textMessage, textOf } from "./messages.js";
export type { ApiKey } from "./keyed-transport.js";
export type { Protocol } from "./options.js";
export { Code, type CallOptions } from "@connectrpc/connect";
