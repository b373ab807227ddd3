import type { DescService, MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type CallOptions, type Client as ServiceClient, type Transport } from "@connectrpc/connect";

import { createTransport } from "#transport";

import { callTransport, type ApiKey } from "./call-transport.js";
import { ChatStream } from "./chat-stream.js";
import {
  ChatService,
  type ChatCompletionRequestSchema,
  type ChatCompletionResponse,
} from "./gen/arouter/v1/chat_service_pb.js";
import {
  EmbeddingService,
  type CreateEmbeddingsRequestSchema,
  type CreateEmbeddingsResponse,
} from "./gen/arouter/v1/embedding_service_pb.js";
import type { Model } from "./gen/arouter/v1/model_pb.js";
import { ModelService, type ListModelsRequestSchema } from "./gen/arouter/v1/model_service_pb.js";
import { checkedBaseUrl, type Protocol } from "./options.js";

const DEFAULT_TIMEOUT_MS = 600_000;

/** Options of a `Client`: the key, and the URL or a transport. */
export type ClientOptions = {
  /** A key, or a function that returns the key, which is called for each call. Without it, none is sent. */
  readonly apiKey?: ApiKey;

  /**
   * Milliseconds until the deadline of a call that sets none; 0 for no deadline. The default is 10 minutes, as long as
   * the service's `total` timeout.
   */
  readonly timeoutMs?: number;
} & (
  | {
      /** Where ARouter is, for example `http://127.0.0.1:8080`, without the `/v1` of REST. */
      readonly baseUrl: string;

      /** The default is `grpc` in Node and `grpc-web` elsewhere. */
      readonly protocol?: Protocol;
    }
  | {
      /** A transport of one of Connect's packages, for what the options above do not cover, such as client certificates. */
      readonly transport: Transport;
    }
);

/**
 * A client of ARouter. Create one and use it for all calls.
 *
 * Every failed call throws `CallError`. The options of a call have its deadline (`timeoutMs`) and an `AbortSignal`
 * (`signal`); cancelling a call also cancels the provider call.
 */
export class Client {
  /** The transport that adds the key and the default deadline, and throws `CallError`s. */
  readonly transport: Transport;

  /** @throws {TypeError} If `baseUrl` or `protocol` is not supported. */
  constructor(options: ClientOptions) {
    const inner =
      "transport" in options
        ? options.transport
        : createTransport({ baseUrl: checkedBaseUrl(options.baseUrl), protocol: options.protocol });
    this.transport = callTransport(inner, {
      apiKey: options.apiKey,
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    });
  }

  /** Returns the client of a service in `arouter-client/v1`, for example `client.service(UsageService)`. */
  service<S extends DescService>(service: S): ServiceClient<S> {
    return createClient(service, this.transport);
  }

  /** Returns the models that the key may use. */
  async listModels(
    request: MessageInitShape<typeof ListModelsRequestSchema> = {},
    options?: CallOptions,
  ): Promise<Model[]> {
    return (await this.service(ModelService).listModels(request, options)).data;
  }

  /** Returns one model. */
  getModel(model: string, options?: CallOptions): Promise<Model> {
    return this.service(ModelService).getModel({ model }, options);
  }

  /** Returns a chat completion. */
  chat(
    request: MessageInitShape<typeof ChatCompletionRequestSchema>,
    options?: CallOptions,
  ): Promise<ChatCompletionResponse> {
    return this.service(ChatService).chatCompletion(request, options);
  }

  /** Returns the chunks of a chat completion as the model generates them. */
  streamChat(request: MessageInitShape<typeof ChatCompletionRequestSchema>, options?: CallOptions): ChatStream {
    return new ChatStream(this.service(ChatService).streamChatCompletion(request, options));
  }

  /** Returns the embeddings of texts. */
  embed(
    request: MessageInitShape<typeof CreateEmbeddingsRequestSchema>,
    options?: CallOptions,
  ): Promise<CreateEmbeddingsResponse> {
    return this.service(EmbeddingService).createEmbeddings(request, options);
  }
}
