import { Accumulator } from "./accumulator.js";
import type { ChatCompletionResponse, StreamChatCompletionResponse } from "./gen/arouter/v1/chat_service_pb.js";

/**
 * The chunks of a chat completion, which it also adds up. Can be iterated once. The call begins with the iteration;
 * leaving the loop cancels it.
 */
export class ChatStream implements AsyncIterable<StreamChatCompletionResponse> {
  readonly #chunks: AsyncIterable<StreamChatCompletionResponse>;
  readonly #accumulator = new Accumulator();

  /** @internal */
  constructor(chunks: AsyncIterable<StreamChatCompletionResponse>) {
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamChatCompletionResponse, void, undefined> {
    for await (const chunk of this.#chunks) {
      this.#accumulator.add(chunk);
      yield chunk;
    }
  }

  /** Returns what the chunks that were read add up to. Complete once the iteration has ended. */
  completion(): ChatCompletionResponse {
    return this.#accumulator.completion();
  }
}
