import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

import { unknownProtocol, type EndpointOptions } from "./options.js";

/**
 * Returns a transport for browsers, which uses `fetch`. The default is `grpc-web`.
 *
 * @throws {TypeError} The protocol is `grpc`.
 */
export function createTransport({ baseUrl, protocol = "grpc-web" }: EndpointOptions): Transport {
  switch (protocol) {
    case "grpc":
      throw new TypeError('Browsers cannot use the protocol "grpc". Use "grpc-web" or "connect" with the gateway.');
    case "grpc-web":
      return createGrpcWebTransport({ baseUrl });
    case "connect":
      // The gateway's bridge to gRPC does not convert JSON.
      return createConnectTransport({ baseUrl, useBinaryFormat: true });
    default:
      throw unknownProtocol(protocol);
  }
}
