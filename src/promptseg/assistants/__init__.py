"""Tools for assistants: language models that open images, ask for masks and write them, by the Model Context Protocol (MCP).

`promptseg.assistants.workbench` does the work and knows no protocol. `promptseg.assistants.tools` describes what an assistant can call, and
`promptseg.assistants.server` offers these tools. Both need package
``mcp``, so this package has another name: a folder ``mcp`` of ours would be taken for it wherever ``src/promptseg`` is on the path.
"""
