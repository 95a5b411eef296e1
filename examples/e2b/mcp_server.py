# Martlet: the article's listing leaves this import out.
import json

from fastmcp import FastMCP

MCP_SERVER_NAME = "CodeAnalyzer"
MCP_OUTPUT_FILE = "/tmp/analysis_results.json"

mcp = FastMCP(MCP_SERVER_NAME)

@mcp.tool
def save_analysis(
    summary: str, 
    issues_found: int, 
    recommendations: list[str]
) -> str:
    """
    Save code analysis results to output file.
    Call this tool once analysis is complete.
    
    Args:
        summary: Brief summary of the analysis
        issues_found: Number of issues identified
        recommendations: List of recommended fixes
    """
    data = {
        "summary": summary,
        "issues_found": issues_found,
        "recommendations": recommendations
    }
    
    with open(MCP_OUTPUT_FILE, "w") as f:
        json.dump(data, f, indent=2)
    
    return f"Analysis saved to {MCP_OUTPUT_FILE}"

if __name__ == "__main__":
    mcp.run()
