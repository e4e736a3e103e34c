from actions.export_evidence import main

raise SystemExit(main())
