from actions.create_hotfix import main

raise SystemExit(main())
