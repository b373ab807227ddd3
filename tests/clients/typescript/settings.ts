// What tests/clients/test_typescript.py sets.
import type { Protocol } from "arouter-client";

export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

export const KEY = variable("API_KEY");
export const TEXT = variable("TEXT");
const CONTROL = variable("CONTROL");

/** Where the typed API is served, by which protocols. */
export const ENDPOINTS: { name: string; baseUrl: string; protocol?: Protocol }[] = [
  { name: "gRPC at the service", baseUrl: variable("GRPC_URL") },
  { name: "gRPC at the gateway", baseUrl: variable("GATEWAY_URL") },
  { name: "gRPC-Web at the gateway", baseUrl: variable("GATEWAY_URL"), protocol: "grpc-web" },
  { name: "Connect at the gateway", baseUrl: variable("GATEWAY_URL"), protocol: "connect" },
];

/** Tells tests/support/emulator_control.py to do something with the provider's call of a user. Returns the request's body. */
export async function provider(action: "arrived" | "release" | "disconnected", user: string): Promise<string> {
  const response = await fetch(`${CONTROL}/${action}/${encodeURIComponent(user)}`, { method: "POST" });
  if (!response.ok) throw new Error(`${action} ${user}: ${response.status}`);
  return response.text();
}
