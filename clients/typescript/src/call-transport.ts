import type { DescMethod } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";

import { CallError } from "./errors.js";
import { ModelService } from "./gen/arouter/v1/model_service_pb.js";

/** A key, or a function that returns the key, which is called for each call. */
export type ApiKey = string | (() => string | Promise<string>);

/** What every call of a client has. */
export interface CallDefaults {
  readonly apiKey: ApiKey | undefined;
  readonly timeoutMs: number;
}

/**
 * Returns a transport that adds the key and the default deadline to each call of another, and throws `CallError`s. A
 * wrapper instead of an interceptor: interceptors do not see that a deadline has passed, and cannot be added to an
 * existing transport.
 */
export function callTransport(inner: Transport, { apiKey, timeoutMs }: CallDefaults): Transport {
  async function withKey(header: HeadersInit | undefined): Promise<Headers> {
    const headers = new Headers(header);
    const key = typeof apiKey === "function" ? await apiKey() : apiKey;
    if (key !== undefined) headers.set("authorization", `Bearer ${checked(key)}`);
    return headers;
  }

  function deadline(method: DescMethod, given: number | undefined): number {
    // A watch does not end by itself.
    return given ?? (method === ModelService.method.watchModels ? 0 : timeoutMs);
  }

  return {
    async unary(method, signal, timeout, header, input, context) {
      const headers = await withKey(header);
      try {
        return await inner.unary(method, signal, deadline(method, timeout), headers, input, context);
      } catch (error) {
        throw CallError.of(error, headers.get("x-request-id"));
      }
    },

    async stream(method, signal, timeout, header, input, context) {
      const headers = await withKey(header);
      const requestId = headers.get("x-request-id");
      try {
        const response = await inner.stream(method, signal, deadline(method, timeout), headers, input, context);
        return { ...response, message: converted(response.message, requestId) };
      } catch (error) {
        throw CallError.of(error, requestId);
      }
    },
  };
}

// Headers' own error would contain the key.
function checked(key: string): string {
  if (!/^[!-~]+$/.test(key)) {
    throw new TypeError("The key is empty, or contains a line break, a space or a character outside ASCII.");
  }
  return key;
}

async function* converted<T>(messages: AsyncIterable<T>, requestId: string | null): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw CallError.of(error, requestId);
  }
}
