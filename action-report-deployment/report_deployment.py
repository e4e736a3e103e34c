from actions.report_deployment import main

raise SystemExit(main())
