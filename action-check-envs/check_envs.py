from actions.check_envs import main

raise SystemExit(main())
