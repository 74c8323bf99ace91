from tests.bench.phone_door.run import main

main()
