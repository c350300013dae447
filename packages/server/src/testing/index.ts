export { MemoryStore } from '@odradek/controller';
