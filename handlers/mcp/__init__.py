"""The MCP function: the operations of all services as tools for agents, by the Model Context Protocol."""
