from actions.sync_rulesets import main

raise SystemExit(main())
