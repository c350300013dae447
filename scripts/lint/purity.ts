/** House rule 2 as a lint rule: a core is synchronous. What a core may import and touch is said in oxlint.config.ts. */

type Node = { readonly async?: boolean };
type Context = { report(problem: { node: Node; message: string }): void };

const message =
  'a core is a pure synchronous machine: async belongs to shells and handlers (docs/design.md, section 2)';

const noAsync = {
  create(context: Context) {
    const check = (node: Node): void => {
      if (node.async === true) context.report({ node, message });
    };
    const refuse = (node: Node): void => context.report({ node, message });
    return {
      FunctionDeclaration: check,
      FunctionExpression: check,
      ArrowFunctionExpression: check,
      AwaitExpression: refuse,
    };
  },
};

export default { meta: { name: 'house' }, rules: { 'no-async': noAsync } };
