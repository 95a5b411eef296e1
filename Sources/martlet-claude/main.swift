import Commands

ClaudeStandIn.main()
