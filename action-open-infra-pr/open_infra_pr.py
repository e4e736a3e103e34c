from actions.open_infra_pr import main

raise SystemExit(main())
