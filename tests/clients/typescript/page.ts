// The code of the page that browser.test.ts opens.
import { CallError, Client, textMessage, textOf, type Protocol } from "arouter-client";
import { Role } from "arouter-client/v1";

/** Reports a piece of a stream to the test. */
declare function report(piece: string): Promise<void>;

export class Page {
  readonly #client: Client;

  constructor(baseUrl: string, apiKey: string, protocol: Protocol) {
    this.#client = new Client({ baseUrl, apiKey, protocol });
  }

  async list(): Promise<string[]> {
    return (await this.#client.listModels()).map((model) => model.id);
  }

  async chat(model: string, text: string): Promise<string> {
    const response = await this.#client.chat({ model, messages: [textMessage(Role.USER, text)] });
    return textOf(response.choices[0]?.message);
  }

  async stream(model: string, user: string): Promise<string> {
    const stream = this.#client.streamChat({ model, messages: [textMessage(Role.USER, "hi")], user });
    for await (const chunk of stream) {
      for (const choice of chunk.choices) if (choice.delta?.content) await report(choice.delta.content);
    }
    return textOf(stream.completion().choices[0]?.message);
  }

  /** Streams until the first piece, and cancels the call then. */
  async abort(model: string, user: string): Promise<number | undefined> {
    const { signal, abort } = abortable();
    try {
      const request = { model, messages: [textMessage(Role.USER, "hi")], user };
      for await (const chunk of this.#client.streamChat(request, { signal })) {
        if (chunk.choices.some((choice) => choice.delta?.content)) abort();
      }
    } catch (error) {
      return CallError.of(error).code;
    }
    return undefined;
  }

  /** Calls with a temperature that may be wrong, and returns what the error says. */
  async failure(model: string, temperature: number, timeoutMs: number, streaming: boolean) {
    const request = { model, messages: [textMessage(Role.USER, "hi")], temperature };
    try {
      if (streaming) for await (const _ of this.#client.streamChat(request, { timeoutMs }));
      else await this.#client.chat(request, { timeoutMs });
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      const { code, rawMessage, reason, param, retryDelayMs, requestId, provider } = error;
      return { code, rawMessage, reason, param, retryDelayMs, requestId, provider };
    }
    throw new Error("the call did not fail");
  }
}

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
