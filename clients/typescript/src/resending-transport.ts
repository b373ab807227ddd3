import { ConnectError, type StreamResponse, type Transport, type UnaryResponse } from "@connectrpc/connect";

const REFUSED = /^(Stream closed|http\/2 stream closed) with error code (NGHTTP2_)?REFUSED_STREAM/;

/**
 * Returns a transport that sends a call again, once, if the server has refused it without processing it (RFC 9113,
 * section 8.7). A service does that to calls that arrive while it ends a connection that is too old. Clients of gRPC
 * send such calls again by themselves; Connect does not.
 */
export function resendingTransport(inner: Transport): Transport {
  return {
    unary(method, signal, timeoutMs, header, input, context): Promise<UnaryResponse<any, any>> {
      return resent(() => inner.unary(method, signal, timeoutMs, header, input, context));
    },

    async stream(method, signal, timeoutMs, header, input, context): Promise<StreamResponse<any, any>> {
      if (method.methodKind !== "server_streaming") {
        return inner.stream(method, signal, timeoutMs, header, input, context);
      }
      const messages: unknown[] = [];
      for await (const message of input) messages.push(message);
      return resent(() => inner.stream(method, signal, timeoutMs, header, iterated(messages as any[]), context));
    },
  };
}

async function resent<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ConnectError && REFUSED.test(error.rawMessage)) return call();
    throw error;
  }
}

async function* iterated<T>(messages: T[]): AsyncGenerator<T> {
  yield* messages;
}
