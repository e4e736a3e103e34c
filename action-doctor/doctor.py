from actions.doctor import main

raise SystemExit(main())
