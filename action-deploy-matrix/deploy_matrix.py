from actions.deploy_matrix import main

raise SystemExit(main())
