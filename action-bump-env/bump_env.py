from actions.bump_env import main

raise SystemExit(main())
