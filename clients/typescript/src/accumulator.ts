import { clone, create } from "@bufbuild/protobuf";

import { LatestFields, MergedFields } from "./extra-fields.js";
import {
  ChoiceSchema,
  LogprobsSchema,
  type Choice,
  type MessageDelta,
  type StreamChoice,
} from "./gen/arouter/v1/chat_completion_pb.js";
import { AudioSchema, ChatMessageSchema, Role, type ChatMessage } from "./gen/arouter/v1/chat_message_pb.js";
import {
  ChatCompletionResponseSchema,
  type ChatCompletionResponse,
  type StreamChatCompletionResponse,
} from "./gen/arouter/v1/chat_service_pb.js";
import {
  CustomToolCallSchema,
  FunctionCallSchema,
  ToolCallSchema,
  type ToolCall,
  type ToolCallDelta,
} from "./gen/arouter/v1/chat_tool_pb.js";

/** Returns the completion that a stream's chunks add up to. */
export function accumulate(chunks: Iterable<StreamChatCompletionResponse>): ChatCompletionResponse {
  const accumulator = new Accumulator();
  for (const chunk of chunks) accumulator.add(chunk);
  return accumulator.completion();
}

/** Adds chunks up to a completion, in time and memory linear in the stream's length. */
export class Accumulator {
  readonly #whole = create(ChatCompletionResponseSchema);
  readonly #extra = new LatestFields();
  readonly #choices = new Map<number, AccumulatedChoice>();

  /** Adds the next chunk. */
  add(chunk: StreamChatCompletionResponse): void {
    const whole = this.#whole;
    whole.id = chunk.id || whole.id;
    whole.created = chunk.created || whole.created;
    whole.model = chunk.model || whole.model;
    whole.serviceTier = chunk.serviceTier || whole.serviceTier;
    whole.systemFingerprint = chunk.systemFingerprint || whole.systemFingerprint;
    if (chunk.usage) whole.usage = chunk.usage;
    if (chunk.moderation) whole.moderation = chunk.moderation;
    if (chunk.route) whole.route = chunk.route;
    this.#extra.add(chunk.extraFieldsJson);
    for (const choice of chunk.choices) entry(this.#choices, choice.index, AccumulatedChoice).add(choice);
  }

  /**
   * Returns the completion so far. The messages of its choices contain all that the next request must have, and can be
   * put into it as they are.
   */
  completion(): ChatCompletionResponse {
    const choices = sorted(this.#choices).map(([index, choice]) => choice.whole(index));
    return clone(ChatCompletionResponseSchema, { ...this.#whole, choices, extraFieldsJson: this.#extra.text() });
  }
}

class AccumulatedChoice {
  readonly #message = create(ChatMessageSchema);
  readonly #choice = create(ChoiceSchema, { message: this.#message });
  readonly #extra = new LatestFields();
  readonly #messageExtra = new MergedFields();
  readonly #toolCalls = new Map<number, AccumulatedToolCall>();

  add(chunk: StreamChoice): void {
    if (chunk.delta) this.#addDelta(chunk.delta);
    if (chunk.finishReason) this.#choice.finishReason = chunk.finishReason;
    if (chunk.logprobs) {
      const logprobs = (this.#choice.logprobs ??= create(LogprobsSchema));
      logprobs.content.push(...chunk.logprobs.content);
      logprobs.refusal.push(...chunk.logprobs.refusal);
    }
    this.#extra.add(chunk.extraFieldsJson);
  }

  whole(index: number): Choice {
    this.#message.toolCalls = sorted(this.#toolCalls).map(([, call]) => call.whole());
    this.#message.extraFieldsJson = this.#messageExtra.text();
    this.#message.role ||= Role.ASSISTANT;
    this.#choice.index = index;
    this.#choice.extraFieldsJson = this.#extra.text();
    return this.#choice;
  }

  #addDelta(delta: MessageDelta): void {
    const message = this.#message;
    if (message.role === Role.UNSPECIFIED) message.role = delta.role;
    if (delta.content !== undefined) {
      const before = message.contentForm.case === "content" ? message.contentForm.value : "";
      message.contentForm = { case: "content", value: before + delta.content };
    }
    if (delta.reasoningContent !== undefined) {
      message.reasoningContent = (message.reasoningContent ?? "") + delta.reasoningContent;
    }
    if (delta.refusal !== undefined) message.refusal = (message.refusal ?? "") + delta.refusal;
    for (const piece of delta.toolCalls) entry(this.#toolCalls, piece.index, AccumulatedToolCall).add(piece);
    this.#addRest(message, delta);
    this.#messageExtra.add(delta.extraFieldsJson);
  }

  #addRest(message: ChatMessage, delta: MessageDelta): void {
    message.annotations.push(...delta.annotations);
    if (delta.audio) {
      const audio = (message.audio ??= create(AudioSchema));
      audio.id ||= delta.audio.id;
      audio.data += delta.audio.data;
      audio.transcript += delta.audio.transcript;
      audio.expiresAt = delta.audio.expiresAt || audio.expiresAt;
    }
    if (delta.functionCall) {
      const call = (message.functionCall ??= create(FunctionCallSchema));
      call.name += delta.functionCall.name;
      call.arguments += delta.functionCall.arguments;
    }
  }
}

class AccumulatedToolCall {
  readonly #toolCall = create(ToolCallSchema);
  readonly #extra = new MergedFields();

  add(piece: ToolCallDelta): void {
    const toolCall = this.#toolCall;
    toolCall.id += piece.id;
    if (piece.call.case === "function") {
      if (toolCall.call.case !== "function") toolCall.call = { case: "function", value: create(FunctionCallSchema) };
      toolCall.call.value.name += piece.call.value.name;
      toolCall.call.value.arguments += piece.call.value.arguments;
    } else if (piece.call.case === "custom") {
      if (toolCall.call.case !== "custom") toolCall.call = { case: "custom", value: create(CustomToolCallSchema) };
      toolCall.call.value.name += piece.call.value.name;
      toolCall.call.value.input += piece.call.value.input;
    }
    this.#extra.add(piece.extraFieldsJson);
  }

  whole(): ToolCall {
    this.#toolCall.extraFieldsJson = this.#extra.text();
    return this.#toolCall;
  }
}

function entry<T>(map: Map<number, T>, index: number, type: new () => T): T {
  let found = map.get(index);
  if (found === undefined) map.set(index, (found = new type()));
  return found;
}

function sorted<T>(map: Map<number, T>): [number, T][] {
  return [...map].sort(([one], [other]) => one - other);
}
