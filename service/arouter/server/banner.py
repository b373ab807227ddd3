"""The message that `arouter up` prints when it is ready."""

from __future__ import annotations

from typing import NamedTuple

from arouter.accounts.built_in import development_key_path
from arouter.config.environment import Environment

_TEXT = """
ARouter is ready.

  Base URL   {url}/v1   (clients of Anthropic's and Google's APIs: {url})
  API key    {key.text}
  gRPC       127.0.0.1:{grpc_port}
  REST API   {url}/docs   (OpenAPI: {url}/openapi.json)

Try it:

  curl {url}/v1/chat/completions \\
    -H {key.shell} -H 'Content-Type: application/json' \\
    -d '{{"model": "{model}", "stream": true, "max_tokens": 40, "messages": [{{"role": "user", "content": "Hello!"}}]}}'

From Python (pip install openai):

  {key.python_import}from openai import OpenAI

  client = OpenAI(base_url="{url}/v1", api_key={key.python})
  for chunk in client.chat.completions.create(
      model="{model}", messages=[{{"role": "user", "content": "Say hello."}}], stream=True
  ):
      print(chunk.choices[0].delta.content or "", end="", flush=True)

Ctrl-C stops everything.
"""


class ShownKey(NamedTuple):
    """How the message shows the development key.

    Attributes:
        text: For the reader.
        shell: A quoted `Authorization` header for a shell.
        python: A Python expression.
        python_import: The imports that the expression needs, with a line break; or empty.
    """

    text: str
    shell: str
    python: str
    python_import: str = ""


def shown_key(environment: Environment, key: str, *, secret: bool) -> ShownKey:
    """Returns how to show the development key.

    Args:
        environment: The environment of the process.
        key: The key.
        secret: Whether to show the location of the key in place of the key, because the output may be logged.
    """
    if not secret:
        return ShownKey(key, f"'Authorization: Bearer {key}'", f'"{key}"')
    if environment.dev_key is not None:
        variable = "AROUTER_DEV_KEY"
        return ShownKey(
            f"in {variable}", f'"Authorization: Bearer ${variable}"', f'os.environ["{variable}"]', "import os\n\n  "
        )
    path = str(development_key_path(environment))
    return ShownKey(f"in {path}", f'"Authorization: Bearer $(cat {path!r})"', f"open({path!r}).read().strip()")


def banner(url: str, key: ShownKey, grpc_port: int, model: str) -> str:
    """Returns the message.

    Args:
        url: The gateway's URL, without `/v1`.
        key: See `shown_key`.
        grpc_port: The service's port.
        model: A model that is available.
    """
    return _TEXT.format(url=url, key=key, grpc_port=grpc_port, model=model)
