from actions.sync_protection import main

raise SystemExit(main())
