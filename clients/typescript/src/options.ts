/**
 * A protocol of the typed API. Port 50051 serves only `grpc`; the gateway serves all three.
 *
 * Browsers cannot use `grpc`.
 */
export type Protocol = "grpc" | "grpc-web" | "connect";

/** The options of `createTransport`, for Node and for browsers. */
export interface EndpointOptions {
  readonly baseUrl: string;
  readonly protocol: Protocol | undefined;
}

/**
 * Returns the URL, which may be a path of the page's own origin in browsers.
 *
 * @throws {TypeError} It cannot be the URL of a gateway or service. Does not repeat it, because it may contain a password.
 */
export function checkedBaseUrl(baseUrl: string): string {
  const isPath = baseUrl.startsWith("/") && "location" in globalThis;
  if (!isPath && !/^https?:\/\/[^/]/.test(baseUrl)) {
    throw new TypeError('"baseUrl" is not a URL that begins with http:// or https://.');
  }
  if (/\/v1\/*$/.test(baseUrl)) {
    throw new TypeError('"baseUrl" ends in /v1, which is the path of the REST API. Leave it out.');
  }
  return baseUrl;
}

/** Returns the error for a protocol that the compiler would have refused. */
export function unknownProtocol(protocol: never): TypeError {
  return new TypeError(`"protocol" is ${JSON.stringify(protocol)}, not "grpc", "grpc-web" or "connect".`);
}
