"""What `arouter up` prints once it can be used."""

from __future__ import annotations

_TEXT = """
ARouter is ready.

  Base URL   {url}/v1
  API key    {key}
  gRPC       127.0.0.1:{grpc_port}

Try it:

  curl {url}/v1/chat/completions \\
    -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "Say hello."}}]}}'

From Python (pip install openai):

  from openai import OpenAI

  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  for chunk in client.chat.completions.create(
      model="{model}", messages=[{{"role": "user", "content": "Say hello."}}], stream=True
  ):
      print(chunk.choices[0].delta.content or "", end="", flush=True)

Ctrl-C stops everything.
"""


def banner(url: str, key: str, grpc_port: int, model: str) -> str:
    """Returns the text.

    Args:
        url: The gateway, without `/v1`.
        key: The development key: whoever starts ARouter on a laptop is who may see it.
        grpc_port: The service's port.
        model: A model that is listed.
    """
    return _TEXT.format(url=url, key=key, grpc_port=grpc_port, model=model)
