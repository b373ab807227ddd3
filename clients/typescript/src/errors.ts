import { ConnectError } from "@connectrpc/connect";

import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/**
 * A call that failed: a `ConnectError` (`code` is the gRPC code, `rawMessage` the message, `metadata` the response's
 * headers and trailers) with what ARouter says about the error.
 */
export class CallError extends ConnectError {
  /** The kind of failure, such as `RATE_LIMITED`; empty if the error comes from the client or the connection. */
  readonly reason: string;

  /** The path of the invalid field of the request. */
  readonly param: string | undefined;

  /** A code to branch on: `error.code` of the same error over REST. */
  readonly errorCode: string | undefined;

  /** The HTTP status of the same error over REST. */
  readonly httpStatus: number | undefined;

  /** The id of the provider that failed or refused. */
  readonly provider: string | undefined;

  /** Milliseconds after which a retry makes sense. */
  readonly retryDelayMs: number | undefined;

  /** The id of the call in the service's logs. */
  readonly requestId: string | undefined;

  // `name` stays "ConnectError": Connect's `instanceof` uses it to recognize errors of other copies of the package.
  private constructor(error: ConnectError, requestId: string | null) {
    super(error.rawMessage, error.code, error.metadata, undefined, error.cause);
    this.details = error.details;
    const [info] = error.findDetails(ErrorInfoSchema);
    const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
    const status = info?.metadata["http_status"];
    this.reason = info?.reason ?? "";
    this.param = info?.metadata["param"];
    this.errorCode = info?.metadata["code"];
    this.httpStatus = status === undefined ? undefined : Number(status);
    this.provider = info?.metadata["provider"];
    this.retryDelayMs = delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6;
    this.requestId = error.metadata.get("x-request-id") ?? requestId ?? undefined;
  }

  /**
   * Converts what a transport of Connect threw.
   *
   * @param requestId The id that the client sent, if it sent one.
   */
  static of(error: unknown, requestId: string | null = null): CallError {
    return error instanceof CallError ? error : new CallError(ConnectError.from(error), requestId);
  }

  // Inherited, it would accept every ConnectError.
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof ConnectError && "reason" in value && "retryDelayMs" in value;
  }
}
