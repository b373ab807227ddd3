import type { StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";

import { ARouterError } from "./errors.js";

/** A key, or a function that returns the key for each call. */
export type ApiKey = string | (() => string | Promise<string>);

/**
 * Returns a transport that adds the key and the default deadline to each call of another, and turns its errors into
 * `ARouterError`s. A wrapper instead of an interceptor: interceptors do not see a passed deadline, nor can they be
 * added to a transport that exists.
 */
export function keyedTransport(inner: Transport, apiKey: ApiKey, defaultTimeoutMs: number): Transport {
  async function keyed(header: HeadersInit | undefined): Promise<Headers> {
    const headers = new Headers(header);
    headers.set("authorization", `Bearer ${typeof apiKey === "string" ? apiKey : await apiKey()}`);
    return headers;
  }

  return {
    async unary(method, signal, timeoutMs, header, input, contextValues): Promise<UnaryResponse<any, any>> {
      const headers = await keyed(header);
      try {
        return await inner.unary(method, signal, timeoutMs ?? defaultTimeoutMs, headers, input, contextValues);
      } catch (error) {
        throw ARouterError.from(error);
      }
    },

    async stream(method, signal, timeoutMs, header, input, contextValues): Promise<StreamResponse<any, any>> {
      const headers = await keyed(header);
      try {
        const timeout = timeoutMs ?? defaultTimeoutMs;
        const response = await inner.stream(method, signal, timeout, headers, input, contextValues);
        return { ...response, message: converted(response.message) };
      } catch (error) {
        throw ARouterError.from(error);
      }
    },
  };
}

async function* converted<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw ARouterError.from(error);
  }
}
