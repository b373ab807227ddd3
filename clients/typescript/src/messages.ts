import { create } from "@bufbuild/protobuf";

import { ChatMessageSchema, type ChatMessage, type Role } from "./gen/arouter/v1/chat_message_pb.js";

/** Returns a message whose content is a text. */
export function textMessage(role: Role, content: string): ChatMessage {
  return create(ChatMessageSchema, { role, contentForm: { case: "content", value: content } });
}

/** Returns the text of a message, its text parts joined; empty if there is none. */
export function textOf(message: ChatMessage | undefined): string {
  switch (message?.contentForm.case) {
    case "content":
      return message.contentForm.value;
    case "contentParts":
      return message.contentForm.value.parts.map(({ part }) => (part.case === "text" ? part.value : "")).join("");
    default:
      return "";
  }
}
