import { ConnectError } from "@connectrpc/connect";

import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/**
 * An error of a call. A `ConnectError` with the fields of ARouter's error table; `code` is the gRPC code, `rawMessage`
 * the message, and `metadata` the response's headers and trailers.
 *
 * `reason` is empty and the other fields are undefined if the error did not come from ARouter: the client's own
 * deadline has passed, the call was cancelled, or the connection failed.
 */
export class ARouterError extends ConnectError {
  /** The reason, such as `MODEL_NOT_FOUND`; the value to branch on. */
  readonly reason: string;

  /** The path of the invalid field, such as `messages[0].role`. */
  readonly param: string | undefined;

  /** The error's `code` in OpenAI's JSON: ARouter's or the provider's. */
  readonly errorCode: string | undefined;

  /** The HTTP status of the same error over REST. */
  readonly httpStatus: number | undefined;

  /** The provider that caused the error. */
  readonly provider: string | undefined;

  /** Milliseconds after which a retry makes sense. Undefined if none does. */
  readonly retryDelayMs: number | undefined;

  /** The id of the call in ARouter's logs. Only through the gateway. */
  readonly requestId: string | undefined;

  // The name stays "ConnectError": by it Connect's `instanceof` recognizes errors of other copies of the package.
  private constructor(error: ConnectError) {
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
    this.requestId = error.metadata.get("x-request-id") ?? undefined;
  }

  /** Converts whatever a call threw. */
  static override from(error: unknown): ARouterError {
    return error instanceof ARouterError ? error : new ARouterError(ConnectError.from(error));
  }

  // ConnectError's own would accept every ConnectError.
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof ConnectError && "reason" in value && "retryDelayMs" in value;
  }
}
