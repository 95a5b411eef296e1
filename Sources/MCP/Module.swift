// MCP
