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
 * Returns the URL. In browsers it may be a path of the page's origin.
 *
 * @throws {TypeError} If it cannot be the URL of a gateway or service. The message omits it, because it may contain a
 *   password.
 */
export function checkedBaseUrl(baseUrl: unknown): string {
  if (typeof baseUrl !== "string") throw new TypeError('"baseUrl" is not a string.');
  const page = (globalThis as { location?: { href: string } }).location?.href;
  const url = URL.canParse(baseUrl, page) ? new URL(baseUrl, page) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new TypeError('"baseUrl" is not a URL that begins with http:// or https://.');
  }
  if (/\/v1\/*$/.test(url.pathname)) {
    throw new TypeError('"baseUrl" ends in /v1, which is the path of the REST API. Leave it out.');
  }
  return baseUrl;
}

/** Returns the error for a protocol that the compiler would have refused. */
export function unknownProtocol(protocol: never): TypeError {
  return new TypeError(`"protocol" is ${JSON.stringify(protocol)}, not "grpc", "grpc-web" or "connect".`);
}
