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
