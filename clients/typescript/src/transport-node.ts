import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";

import { unknownProtocol, type EndpointOptions } from "./options.js";
import { resendingTransport } from "./resending-transport.js";

// A connection that does not answer a ping is replaced. The service permits one ping per second.
const KEEPALIVE = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 };

/**
 * Returns a transport for Node. `grpc`, the default, uses one HTTP/2 connection for all calls; the others use HTTP/1.1,
 * because they are for networks whose proxies do not support HTTP/2.
 */
export function createTransport({ baseUrl, protocol = "grpc" }: EndpointOptions): Transport {
  switch (protocol) {
    case "grpc":
      return resendingTransport(createGrpcTransport({ baseUrl, ...KEEPALIVE }));
    case "grpc-web":
      return createGrpcWebTransport({ baseUrl, httpVersion: "1.1" });
    case "connect":
      // The gateway's bridge to gRPC does not convert JSON.
      return createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true });
    default:
      throw unknownProtocol(protocol);
  }
}
