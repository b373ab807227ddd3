import { ConnectError, type Transport } from "@connectrpc/connect";

const REFUSED = /^(Stream closed|http\/2 stream closed) with error code (NGHTTP2_)?REFUSED_STREAM/;

/**
 * Returns a transport that sends a call again, once, if the server has refused it without processing it (RFC 9113,
 * section 8.7). A service does that to calls that arrive while it ends a connection that is too old. Clients of gRPC
 * send such calls again by themselves; Connect does not.
 */
export function resendingTransport(inner: Transport): Transport {
  return {
    unary(method, signal, timeoutMs, header, input, context) {
      return resent(() => inner.unary(method, signal, timeoutMs, header, input, context));
    },

    async stream(method, signal, timeoutMs, header, input, context) {
      if (method.methodKind !== "server_streaming") {
        return inner.stream(method, signal, timeoutMs, header, input, context);
      }
      const messages = await collected(input);
      return resent(() => inner.stream(method, signal, timeoutMs, header, iterated(messages), context));
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

async function collected<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all = [];
  for await (const message of messages) all.push(message);
  return all;
}

async function* iterated<T>(messages: T[]): AsyncGenerator<T> {
  yield* messages;
}
