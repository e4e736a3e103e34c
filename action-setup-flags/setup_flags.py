from actions.setup_flags import main

raise SystemExit(main())
