import { create } from "@bufbuild/protobuf";

import { ExtraFields } from "./extra-fields.js";
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

/**
 * Puts the chunks of a stream together. The messages of the result can be appended to the next request.
 *
 * ```ts
 * const whole = new ChatAccumulator();
 * for await (const chunk of client.streamChat(request)) whole.add(chunk);
 * const response = whole.response();
 * ```
 */
export class ChatAccumulator {
  readonly #response = create(ChatCompletionResponseSchema);
  readonly #extra = new ExtraFields();
  readonly #choices = new Map<number, AccumulatedChoice>();

  /** Adds the next chunk. */
  add(chunk: StreamChatCompletionResponse): void {
    const response = this.#response;
    response.id ||= chunk.id;
    response.created ||= chunk.created;
    response.model ||= chunk.model;
    response.serviceTier = chunk.serviceTier || response.serviceTier;
    response.systemFingerprint = chunk.systemFingerprint || response.systemFingerprint;
    if (chunk.usage) response.usage = chunk.usage;
    if (chunk.moderation) response.moderation = chunk.moderation;
    if (chunk.route) response.route = chunk.route;
    this.#extra.add(chunk.extraFieldsJson);
    for (const choice of chunk.choices) entry(this.#choices, choice.index, AccumulatedChoice).add(choice);
  }

  /** Returns what `ChatService.ChatCompletion` would have returned for the chunks so far. */
  response(): ChatCompletionResponse {
    this.#response.extraFieldsJson = this.#extra.text();
    this.#response.choices = sorted(this.#choices).map(([index, choice]) => choice.result(index));
    return this.#response;
  }
}

class AccumulatedChoice {
  readonly #message = create(ChatMessageSchema);
  readonly #choice = create(ChoiceSchema, { message: this.#message });
  readonly #extra = new ExtraFields();
  readonly #messageExtra = new ExtraFields();
  readonly #toolCalls = new Map<number, AccumulatedToolCall>();

  add(chunk: StreamChoice): void {
    if (chunk.delta) this.#addDelta(chunk.delta);
    if (chunk.finishReason !== undefined) this.#choice.finishReason = chunk.finishReason;
    if (chunk.logprobs) {
      const logprobs = (this.#choice.logprobs ??= create(LogprobsSchema));
      logprobs.content.push(...chunk.logprobs.content);
      logprobs.refusal.push(...chunk.logprobs.refusal);
    }
    this.#extra.add(chunk.extraFieldsJson);
  }

  result(index: number): Choice {
    this.#message.toolCalls = sorted(this.#toolCalls).map(([, call]) => call.result());
    this.#message.extraFieldsJson = this.#messageExtra.text();
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
  readonly #extra = new ExtraFields();

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

  result(): ToolCall {
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
