"""The lab's models over HTTP, in the shapes of OpenAI's and Anthropic's APIs. What answers is the router's, handed in as a Backend."""
