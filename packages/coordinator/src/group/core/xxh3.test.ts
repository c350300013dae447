import { expect, test } from 'vitest';
import { xxh3 } from './xxh3.ts';

/** Of the bytes 7, 38, 69, … (31 more each), as hash4j 0.22, Kafka's library, hashes them. */
const KNOWN: readonly (readonly [number, string])[] = [
  [0, '2d06800538d394c2'],
  [1, '4c5cca45d0f4811f'],
  [2, 'a7e250c97710ff27'],
  [3, '15f7093b173d005c'],
  [4, 'dca012f95811b6b9'],
  [7, '7561869c23da3c1b'],
  [8, 'dec6a9a43575982e'],
  [9, 'cbe393399f17ffbd'],
  [16, '7e484c18d74895d0'],
  [17, '208bde5ee2bed407'],
  [31, 'a937652b0119ca11'],
  [32, '3df0ac5255d1446'],
  [63, '76d4eec1f092847f'],
  [64, 'dd30702ab46b3745'],
  [65, 'fab36b851b94ce20'],
  [96, 'd245cd2541582982'],
  [128, 'f92b70eaa21a6288'],
  [129, 'f8f76713f2bb60fa'],
  [144, 'd87f00765ee3d89e'],
  [160, 'c90911ffcef461e2'],
  [192, '84028fa06f01d30'],
  [224, 'e69e5c66a23443bc'],
  [239, 'caa9b7a588464745'],
  [240, 'ccc7375172c41f03'],
  [241, 'b3b630948ce4a00'],
  [256, 'ec85b75bafe6ca74'],
  [257, '12ef0ff633841459'],
  [448, 'd672c1aabc206bc4'],
  [512, 'efc2e52d1c2ffbaa'],
  [1000, '989765d0ea7a5ecd'],
  [1023, 'f0d330ce2b3300fb'],
  [1024, '23bc880ebf0d29c6'],
  [1025, 'c09fdfbc398c7d82'],
  [1087, '3ab6ed4b5be06fcc'],
  [1088, 'a16bad67843c5a45'],
  [1089, '822327a86aad957c'],
  [2000, '19eb4cda7a0f1a0d'],
  [2048, '19f6f9c987331373'],
  [2049, '5045460f5d85c275'],
  [3000, '6eb4b5bfe14d9786'],
  [10_000, '441f01d9711bebed'],
];

test.for(KNOWN)('xxh3: %i bytes are hashed as others hash them', ([length, expected]) => {
  const bytes = Buffer.from(Array.from({ length }, (_, at) => (at * 31 + 7) & 0xff));
  expect(xxh3(bytes).toString(16)).toBe(expected);
});
