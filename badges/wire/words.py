"""256 short words, eight bits each, for people to compare on two screens. Never reordered."""

WORDS = tuple(
    """
acorn actor alarm album amber angle ankle apple apron arrow atlas attic autumn axle bacon badger
bamboo banjo barrel basin basket beach beacon beaver bell berry bison blanket blossom boat
bonnet bottle boulder branch bread bridge bronze brush bubble bucket butter button cabin cactus
camel camera candle canoe canyon carpet carrot castle cedar cello chalk cherry chess chimney
cinema circle citrus clay clock cloud clover coast cobalt coffee comet compass copper coral
cotton cradle crane crayon cricket crown crystal cuckoo curtain cymbal daisy dancer desert
diamond dolphin donkey dragon drum eagle earth easel echo eclipse elbow elephant ember emerald
engine eraser falcon feather fern ferry fiddle field finger flag flame flute forest fossil
fountain fox galaxy garden garlic ginger giraffe glacier glove goat gold granite grape guitar
hammer harbor harp hazel hedge helmet heron honey horizon horse hotel igloo indigo island ivory
ivy jacket jaguar jasmine jelly jewel jigsaw juniper kettle kitten ladder lagoon lamp lantern
laurel lemon leopard lily lion lizard lobster lotus magnet mango maple marble meadow melon
mirror monkey moon mosaic mountain museum needle nest nickel north nutmeg oasis ocean olive
onion orange orbit orchid otter owl oyster paddle palace panda paper parrot peach pearl pebble
pencil pepper piano pillow pine planet plum pocket polar pony poppy potato prairie prism pumpkin
puzzle quartz quill rabbit radio rainbow raven reef ribbon river robin rocket rose ruby saddle
saffron sailor salmon sand saturn scarf shadow shell silver snow spider spring squirrel star
stone storm sugar summit sunset swan table tiger tulip turtle valley velvet violet
""".split()
)
